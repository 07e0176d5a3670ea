// From a file to pixels as the model was trained on: upright, without colour profile, transparent parts on white.
const pixels = (() => {
  const STRIP = 256; // rows at a time, since some browsers have no canvas as large as a photo
  const MOST = 16e6; // pixels behind the averaging, so a strip of a picture that nobody takes

  const opened = async (blob) => {
    try {
      return await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
      throw new Trouble("unreadable");
    }
  };

  // As `predict` does: of a picture much larger than the square, the means of 2 × 2, 4 × 4 or 8 × 8 pixels.
  const divisorOf = (shorter, side) => [8, 4, 2].find((divisor) => shorter >= divisor * 2 * side) || 1;

  // {values: Uint8Array of RGB, width, height}
  const decode = async (blob, side) => {
    const bitmap = await opened(blob);
    try {
      const divisor = divisorOf(Math.min(bitmap.width, bitmap.height), side);
      const width = Math.ceil(bitmap.width / divisor);
      const height = Math.ceil(bitmap.height / divisor);
      if (width * height > MOST) throw new Trouble("too_large");
      const values = new Uint8Array(width * height * 3);
      const rows = STRIP * divisor;
      for (let top = 0; top < bitmap.height; top += rows) {
        const tall = Math.min(rows, bitmap.height - top);
        averaged(strip(bitmap, top, tall), bitmap.width, tall, divisor, values.subarray((top / divisor) * width * 3));
      }
      return { values, width, height };
    } finally {
      bitmap.close();
    }
  };

  const strip = (bitmap, top, tall) => {
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = tall;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, bitmap.width, tall);
    context.drawImage(bitmap, 0, -top);
    return context.getImageData(0, 0, bitmap.width, tall).data;
  };

  // RGBA of width × tall as RGB, each value the mean over a square, which at the edges is what there is of it.
  const averaged = (given, width, tall, divisor, values) => {
    let place = 0;
    for (let row = 0; row < tall; row += divisor) {
      for (let column = 0; column < width; column += divisor) {
        const right = Math.min(column + divisor, width);
        const below = Math.min(row + divisor, tall);
        const count = (right - column) * (below - row);
        for (let channel = 0; channel < 3; channel += 1) {
          let sum = count >> 1;
          for (let y = row; y < below; y += 1) {
            for (let x = column; x < right; x += 1) sum += given[(y * width + x) * 4 + channel];
          }
          values[place] = sum / count;
          place += 1;
        }
      }
    }
  };

  // The picture to be shown, its longer side at most that many pixels; a small one is made no larger.
  const shown = async (blob, longest) => {
    const bitmap = await opened(blob);
    try {
      const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.imageSmoothingQuality = "high";
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      return context.getImageData(0, 0, canvas.width, canvas.height);
    } finally {
      bitmap.close();
    }
  };

  return { decode, shown };
})();
