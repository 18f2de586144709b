import { ConfigurationError } from './errors.js';

/** A file's content, wherever it is: `File`s of browsers and `fs.openAsBlob` of Node.js are `Blob`s. */
export type FileContent = Blob | ArrayBuffer | ArrayBufferView;

/** Makes a `Blob` of a file's content; it refers to a `Blob`'s data without copying it. */
export function toBlob(content: FileContent | string, what: string): Blob {
  if (content instanceof Blob) {
    return content;
  }
  if (typeof content === 'string' || content instanceof ArrayBuffer || ArrayBuffer.isView(content)) {
    return new Blob([content as BlobPart]);
  }
  throw new ConfigurationError(`${what} must be a Blob, an ArrayBuffer or a Buffer`);
}

/**
 * Gives the model file's name: the one that the caller gave, else the `File`'s own, else one with the ending that its
 * first bytes call for, since a buffer has no name and the API wants an ending.
 */
export async function modelFileName(model: Blob, given: string | undefined): Promise<string> {
  const own = (model as Blob & { name?: unknown }).name;
  if (given) {
    return given;
  }
  if (typeof own === 'string' && own !== '') {
    return own;
  }
  return `model.${endingOf(new Uint8Array(await model.slice(0, 4096).arrayBuffer()))}`;
}

function endingOf(start: Uint8Array): string {
  const text = String.fromCharCode(...start);
  if (text.startsWith('PK\x03\x04')) {
    // Keras begins its archive with these; every other zip that is a model is PyTorch's.
    return /metadata\.json|config\.json|model\.weights\.h5/.test(text.slice(0, 256)) ? 'keras' : 'pt';
  }
  if (text.startsWith('\x89HDF\r\n\x1a\n')) {
    return 'h5';
  }
  // The first field of an ONNX file is its version: the field's number and type, then a small number.
  if (start[0] === 0x08 && start[1] !== undefined && start[1] > 0 && start[1] < 0x40) {
    return 'onnx';
  }
  // A joblib file may be compressed (zlib's first byte is 0x78); an uncompressed one is a pickle like any other.
  return start[0] === 0x78 ? 'joblib' : 'pkl';
}
