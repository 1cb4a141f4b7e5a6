// How much of the model's context the pictures beside a question take. The value is their number; the model's sizes are
// asked for with the first picture, when it is loaded.

import { word } from "./dom.js";

/** @import { Given, Room } from "./types" */

/** @param {Given<{ value: number }, { facts: (nothing: null) => Promise<Room> }>} given */
export function mount({ element, props, watch, server }) {
  /** @type {Room} */
  let facts = {};
  /** @param {number} n */
  const number = (n) => n.toLocaleString("en");
  async function draw() {
    const n = Number(props.value) || 0;
    if (n && !facts.image) facts = await server.facts(null).catch(() => ({}));
    const { image = 0, context = 0 } = facts;
    const used = n * image;
    element.textContent = used
      ? word(n === 1 ? "picture_room_one" : "picture_room", { n, used: number(used), context: number(context) })
      : "";
    element.classList.toggle("over", used > context);
  }
  watch("value", draw);
  draw();
}
