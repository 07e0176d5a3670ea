// Answers of an exported ONNX file, with onnxruntime-node and sharp:
//
//     npm install onnxruntime-node sharp
//     node answer.mjs birds.onnx new-photos/1.jpg new-photos/2.png
//
// With onnxruntime-web, which needs no compiled code, it is the same program with that name in the import below.
//
// onnxruntime-node does not hand over the metadata of a file, so the class names are read out of it: they stand behind
// the key "classes" as a JSON list.

import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";
import sharp from "sharp";

/** The number at a place of a protocol buffer, seven bits a byte, and the place behind it. */
function varint(bytes, place) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[place++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, place];
  }
}

/** The fields of one message that hold bytes: [number, bytes]. */
function* fields(bytes) {
  for (let place = 0; place < bytes.length; ) {
    let tag, size;
    [tag, place] = varint(bytes, place);
    if (tag % 8 === 0) [, place] = varint(bytes, place);
    else if (tag % 8 === 1) place += 8;
    else if (tag % 8 === 5) place += 4;
    else {
      [size, place] = varint(bytes, place);
      yield [Math.floor(tag / 8), bytes.subarray(place, place + size)];
      place += size;
    }
  }
}

/** What stands beside the graph: metadata_props, field 14 of a ModelProto, a key and a value each. */
function metadata(bytes) {
  const told = {};
  for (const [number, part] of fields(bytes)) {
    if (number !== 14) continue;
    const entry = Object.fromEntries(fields(part));
    told[entry[1].toString()] = entry[2].toString();
  }
  return told;
}

const [model, ...paths] = process.argv.slice(2);
if (!paths.length) {
  console.error("usage: node answer.mjs MODEL.onnx PICTURE…");
  process.exit(2);
}
const content = readFileSync(model);
const classes = JSON.parse(metadata(content).classes);
const session = await ort.InferenceSession.create(content);
for (const path of paths) {
  const { data, info } = await sharp(path).rotate().flatten({ background: "white" }).toColourspace("srgb").raw()
    .toBuffer({ resolveWithObject: true });
  const images = new ort.Tensor("uint8", new Uint8Array(data), [1, info.height, info.width, 3]);
  const found = await session.run({ images });
  const label = Number(found.label.data[0]);
  const marks = ["unsure", "unlike"].filter((mark) => mark in found && found[mark].data[0]);
  console.log([path, classes[label], found.probabilities.data[label].toFixed(6), ...marks].join("\t"));
}
