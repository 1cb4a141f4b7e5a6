// How much of the model's context the pictures beside a question take. The value is their number; the model's sizes are
// asked for with the first picture, when it is loaded.

import { word } from "./dom.js";

export function mount({ element, props, watch, server }) {
  let facts = {};
  const number = (n) => n.toLocaleString("en");
  async function draw() {
    const n = Number(props.value) || 0;
    if (n && !facts.image) facts = await server.facts(null).catch(() => ({}));
    const used = n * (facts.image || 0);
    element.textContent = used ? word(n === 1 ? "picture_room_one" : "picture_room", { n, used: number(used), context: number(facts.context) }) : "";
    element.classList.toggle("over", used > facts.context);
  }
  watch("value", draw);
  draw();
}
