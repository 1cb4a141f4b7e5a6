// What the model saw: the whole prompt of an answer, or of each step of an article, and its token ids folded below it.

import { copy } from "./clipboard.js";
import { button, h, toast, word } from "./dom.js";
import { sheet } from "./shelf.js";

/** @import { Answer, Given, PaperServer, SeenPrompt } from "./types" */

/** @param {SeenPrompt} seen */
export function showPrompt(seen) {
  sheet(`${word("talk_saw")} · ${seen.model}`, ...content(seen));
}

/**
 * The steps of an article, and the prompt of the one that is chosen.
 *
 * @param {PaperServer} server
 * @param {number} id
 */
export async function showArticlePrompts(server, id) {
  const found = await server.saw({ id }).catch(() => ({ error: word("unreachable") }));
  if (found.error !== undefined) return void toast(found.error);
  const shown = h("div", {});
  const options = found.steps.map(({ number, name }) => h("option", { value: String(number) }, name));
  /** @type {HTMLSelectElement} */
  const step = h("select", { "aria-label": word("talk_saw_step"), onchange: () => show() }, options);
  const show = async () => {
    const number = Number(step.value);
    /** @type {Answer<SeenPrompt>} */
    const seen = await server.saw({ id, number }).catch(() => ({ error: word("unreachable") }));
    if (number !== Number(step.value)) return;
    if (seen.error !== undefined) toast(seen.error);
    else shown.replaceChildren(h("p", { className: "hint" }, seen.model), ...content(seen));
  };
  await show();
  sheet(word("talk_saw"), step, shown);
}

/** @param {SeenPrompt} seen */
function content({ text, ids }) {
  const shown = ids?.map((id) => id ?? "▢").join(" ");
  const folded =
    ids && shown !== undefined
      ? h("details", {}, h("summary", {}, word("talk_saw_ids", { n: ids.length.toLocaleString() })), h("pre", {}, shown))
      : h("p", { className: "hint" }, word("talk_saw_later"));
  const buttons = [
    button("talk_copy_text", "copy", () => copy(text)),
    shown === undefined ? "" : button("talk_copy_ids", "copy", () => copy(shown)),
  ];
  return [h("pre", { className: "saw" }, text), folded, h("div", { className: "row" }, buttons)];
}

/** @param {Given<{ value: (SeenPrompt & { asked: number }) | null }>} given */
export function mount({ props, watch }) {
  watch("value", () => {
    if (!props.value) return;
    if (props.value.text) showPrompt(props.value);
    else toast(word("talk_saw_none"));
  });
}
