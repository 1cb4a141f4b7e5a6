// What the model saw: the whole prompt of an answer, and its token ids folded below it.

import { h, toast, word } from "./dom.js";
import { sheet } from "./shelf.js";

/** @import { Given, SeenPrompt } from "./types" */

/** @param {SeenPrompt} seen */
export function showPrompt({ model, text, ids }) {
  const folded = ids
    ? h(
        "details",
        {},
        h("summary", {}, word("talk_saw_ids", { n: ids.length.toLocaleString() })),
        h("pre", {}, ids.map((id) => id ?? "▢").join(" ")),
      )
    : h("p", { className: "hint" }, word("talk_saw_later"));
  sheet(`${word("talk_saw")} · ${model}`, h("pre", { className: "saw" }, text), folded);
}

/** @param {Given<{ value: (SeenPrompt & { asked: number }) | null }>} given */
export function mount({ props, watch }) {
  watch("value", () => {
    if (!props.value) return;
    if (props.value.text) showPrompt(props.value);
    else toast(word("talk_saw_none"));
  });
}
