// A heat map laid over its picture, in the colours of `tellapart explain`, whose numbers stand in the page.
const heatMap = (() => {
  const { palette } = content;

  // What is drawn: above 0 for the class, below 0 against it. A map that adds up has the bias spread evenly over it.
  const evidenceOf = ({ values, bias }) => (
    bias === null ? Float32Array.from(values) : Float32Array.from(values, (value) => value * values.length + bias)
  );

  // The evidence that gets the full colour: a percentile, between two values on a straight line.
  const limitOf = (evidence) => {
    const sorted = evidence.map(Math.abs).sort();
    const place = ((sorted.length - 1) * palette.strongest) / 100;
    const low = Math.floor(place);
    const high = Math.min(low + 1, sorted.length - 1);
    return Math.max(sorted[low] + (place - low) * (sorted[high] - sorted[low]), Number.MIN_VALUE);
  };

  // Whether the map sums up to the logit less the bias, as an exact one must.
  const addsUp = ({ values, bias, logit }) => {
    const sum = values.reduce((total, value) => total + value, 0);
    return Math.abs(sum + bias - logit) <= palette.agreement * Math.max(1, Math.abs(logit));
  };

  // Where each of so many pixels lies among so many cells: the cell below, the one above, and the share of that.
  const places = (count, cells) => Array.from({ length: count }, (_, pixel) => {
    const at = Math.min(Math.max(((pixel + 0.5) * cells) / count - 0.5, 0), cells - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, cells - 1), at - low];
  });

  const encoded = (linear) => {
    const held = Math.min(Math.max(linear, 0), 1);
    return 255 * (held <= 0.0031308 ? 12.92 * held : 1.055 * held ** (1 / 2.4) - 0.055);
  };
  const times = (matrix, [a, b, c]) => matrix.map(([x, y, z]) => x * a + y * b + z * c);
  const srgb = (colour) => times(palette.linear, times(palette.lms, colour).map((value) => value ** 3)).map(encoded);

  const STEPS = 64; // of strength on each side, so that colours are worked out once
  const table = new Map();
  const coloured = (grey, strength) => {
    const step = Math.round(Math.min(Math.max(strength, -1), 1) * STEPS);
    const key = grey * 1000 + step;
    if (!table.has(key)) {
      const end = step < 0 ? palette.against : palette.for;
      const share = palette.opaque * Math.abs(step / STEPS);
      const below = [palette.lightness[grey], 0, 0];
      table.set(key, srgb(below.map((value, axis) => value + share * (end[axis] - value))));
    }
    return table.get(key);
  };

  // The picture in grey under the colours, as ImageData; and the evidence that has the strongest of them.
  const overlay = (picture, heat) => {
    const { width, height, data } = picture;
    const evidence = evidenceOf(heat);
    const limit = limitOf(evidence);
    const covered = new ImageData(width, height);
    const across = places(width, heat.width);
    places(height, heat.height).forEach(([upper, lower, down], row) => {
      across.forEach(([left, right, over], column) => {
        const at = (y, x) => evidence[y * heat.width + x];
        const above = at(upper, left) + over * (at(upper, right) - at(upper, left));
        const under = at(lower, left) + over * (at(lower, right) - at(lower, left));
        const place = (row * width + column) * 4;
        const [red, green, blue] = palette.luma;
        const grey = Math.round(red * data[place] + green * data[place + 1] + blue * data[place + 2]);
        covered.data.set(coloured(grey, (above + down * (under - above)) / limit), place);
        covered.data[place + 3] = 255;
      });
    });
    return { covered, limit };
  };

  return { addsUp, overlay };
})();
