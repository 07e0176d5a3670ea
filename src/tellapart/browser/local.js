// The engine of a page that has the model and its runtime inside.
const engine = (() => {
  const told = content.model;
  let session = null;

  const bytesOf = (id) => {
    const element = document.getElementById(id);
    const text = element.textContent;
    element.remove(); // many megabytes that nobody needs twice
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let place = 0; place < bytes.length; place += 1) bytes[place] = characters.charCodeAt(place);
    return bytes;
  };
  const unpacked = async (id) => {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const load = async () => {
    for (const what of ["WebAssembly", "DecompressionStream", "createImageBitmap", "BigInt64Array"]) {
      if (!(what in globalThis)) throw new Trouble("too_old", { what });
    }
    ort.env.wasm.wasmBinary = await unpacked("runtime");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.logLevel = "error";
    session = await ort.InferenceSession.create(await unpacked("model"), { executionProviders: ["wasm"] });
    return told;
  };

  // A whole run: one class is explained, by its place, or -1 for the one that is answered.
  const run = async (blob, asked) => {
    const { values, width, height } = await pixels.decode(blob, told.side);
    const feeds = { images: new ort.Tensor("uint8", values, [1, height, width, 3]) };
    if (told.heat) feeds.asked = new ort.Tensor("int64", BigInt64Array.of(BigInt(asked)), [1]);
    return session.run(feeds);
  };

  const heatOf = (found, target) => {
    if (!told.heat) return null;
    const [, height, width] = found.heat.dims;
    const heat = { values: found.heat.data, width, height, method: "exact", target, bias: told.bias[target], logit: found.logits.data[target] };
    return heatMap.addsUp(heat) ? heat : null;
  };

  const answer = async (blob) => {
    const found = await run(blob, -1);
    const label = Number(found.label.data[0]);
    const mark = (name) => (name in found ? Boolean(found[name].data[0]) : null);
    return {
      label,
      probabilities: [...found.probabilities.data],
      features: found.features.data,
      unsure: mark("unsure"),
      unlike: mark("unlike"),
      heat: heatOf(found, label),
    };
  };
  const explain = async (blob, target) => heatOf(await run(blob, target), target);

  return { load, answer, explain };
})();
