/** What a fused model says of itself: an entry of `metadata_props` in ONNX's ModelProto, which is a protobuf. */

const CARD_KEY = "seg.ensemble";
const METADATA = 14;
const KEY = 1;
const VALUE = 2;

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH_GIVEN = 2;
const FOUR_BYTES = 5;

/**
 * @param {Uint8Array} bytes the whole file
 * @returns {{name: string, classes: {name: string, colour: [number, number, number]}[], members: {views: string[]}[]}}
 */
export function readCard(bytes) {
  for (const [field, entry] of fields(bytes)) {
    if (field !== METADATA) continue;
    const said = new Map(fields(entry));
    if (text(said.get(KEY)) === CARD_KEY) return JSON.parse(text(said.get(VALUE)));
  }
  throw new Error("the file is no ensemble: make it with seg export --fuse");
}

/** The fields of a message that have a length, each with its number. */
function* fields(bytes) {
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[position++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === LENGTH_GIVEN) {
      const length = varint();
      yield [(tag - kind) / 8, bytes.subarray(position, position + length)];
      position += length;
    } else if (kind === VARINT) varint();
    else if (kind === EIGHT_BYTES) position += 8;
    else if (kind === FOUR_BYTES) position += 4;
    else throw new Error("the file is no ONNX, or is damaged");
  }
}

function text(bytes) {
  return new TextDecoder().decode(bytes);
}
