// Sending a chosen file to the studio, and the sentence a person sees when that fails: Gradio's own are for programmers.

import { MAX_MIB, word } from "./dom.js";

/** @import { Sent, Upload } from "./types" */

const HEAD_BYTES = 32;
const PICTURE = /^(\xff\xd8\xff|\x89PNG|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(hei|hev|mif|msf|avi))/s;

/**
 * Whether a file begins like a picture. Its name and the type that a system makes of it may be wrong, or missing.
 *
 * @param {File} file
 */
async function isPicture(file) {
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  return PICTURE.test(String.fromCharCode(...head));
}

/**
 * Send a picture with the component's own `upload`.
 *
 * @param {Upload} upload
 * @param {File} file
 * @returns {Promise<Sent>}
 */
export async function send(upload, file) {
  if (!file.size || (await isPicture(file).catch(() => false))) return transfer(upload, file); // a folder cannot be read
  return { problem: word("no_picture", factsOf(file)) };
}

/**
 * The same for the file of a text.
 *
 * @param {Upload} upload
 * @param {File} file
 * @param {string[]} suffixes what its name may end with
 * @returns {Promise<Sent>}
 */
export async function sendText(upload, file, suffixes) {
  if (suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix))) return transfer(upload, file);
  return { problem: word("no_text_file", factsOf(file)) };
}

const factsOf = (/** @type {File} */ file) => ({ name: file.name, size: Math.ceil(file.size / 2 ** 20), limit: MAX_MIB });

/** @type {(upload: Upload, file: File) => Promise<Sent>} */
async function transfer(upload, file) {
  const facts = factsOf(file);
  if (!file.size) return { problem: word("empty_file", facts) };
  if (file.size > MAX_MIB * 2 ** 20) return { problem: word("too_large", facts) };
  try {
    const { path } = await upload(file);
    if (path) return { path };
  } catch {
    // told below
  }
  const answers = await fetch("healthz").then(
    () => true,
    () => false,
  );
  return { problem: word(answers ? "not_uploaded" : "not_reached", facts) };
}
