// From a file to pixels as the model was trained on: upright, without colour profile, transparent parts on white.
const pixels = (() => {
  const STRIP = 256; // rows at a time, since some browsers have no canvas as large as a photo

  const opened = async (blob) => {
    try {
      return await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
      throw new Trouble("unreadable");
    }
  };

  const isJpeg = async (blob) => {
    const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    return first === 0xff && second === 0xd8;
  };

  // Of how many pixels across and down the mean is taken, as `predict` does: of a JPEG much larger than the square it
  // decodes a half, a quarter or an eighth, of any other picture beyond LARGE pixels about twice the square.
  const averagedOver = ({ width, height }, side, jpeg) => {
    const shorter = Math.min(width, height);
    const divisor = jpeg ? [8, 4, 2].find((each) => shorter >= each * 2 * side) || 1 : 1;
    if ((width * height) / divisor ** 2 <= content.large) return [divisor, divisor];
    return [width, height].map((length) => Math.max(1, Math.floor(length / (2 * side))));
  };

  // {values: Uint8Array of RGB, width, height}
  const decode = async (blob, side) => {
    const bitmap = await opened(blob);
    try {
      const [across, down] = averagedOver(bitmap, side, await isJpeg(blob));
      const width = Math.ceil(bitmap.width / across);
      const height = Math.ceil(bitmap.height / down);
      const values = new Uint8Array(width * height * 3);
      const rows = STRIP * down;
      for (let top = 0; top < bitmap.height; top += rows) {
        const tall = Math.min(rows, bitmap.height - top);
        averaged(strip(bitmap, top, tall), bitmap.width, tall, [across, down], values.subarray((top / down) * width * 3));
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

  // RGBA of width × tall as RGB, each value the mean over across × down, which at the edges is what there is of it.
  const averaged = (given, width, tall, [across, down], values) => {
    let place = 0;
    for (let row = 0; row < tall; row += down) {
      for (let column = 0; column < width; column += across) {
        const right = Math.min(column + across, width);
        const below = Math.min(row + down, tall);
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
