// What Chat has beside Gradio's Chatbot: the cards of an empty conversation, and a dialog that edits a sent question.
// (Gradio's own editing in place fails for a question with pictures, and for every question but the first; its buttons
// copy a question with the signs that keep it from being read as Markdown.)

import { changeCopies } from "./clipboard.js";
import { button, find, h, word } from "./dom.js";
import { cards } from "./examples.js";
import { sheet } from "./shelf.js";

/** @import { Example, Given, QuestionEdit } from "./types" */

/** @param {Given<{ value: QuestionEdit | null, examples: Example[] }>} given */
export function mount({ element, props, trigger, watch }) {
  element.replaceChildren(
    h(
      "div",
      { className: "welcome" },
      h("p", {}, word("chat_empty")),
      cards(props.examples, (place) => trigger("ask", { place })),
    ),
  );

  // The pencil is the last button below a question. The server knows the question as it was typed.
  find("#chatbot").addEventListener(
    "click",
    (event) => {
      const pencil = event.target instanceof Element && event.target.closest(".message-buttons-right button:last-of-type");
      if (!pencil) return;
      event.stopImmediatePropagation();
      const all = [...document.querySelectorAll("#chatbot .message-buttons-right")];
      trigger("edit", { turn: all.indexOf(/** @type {Element} */ (pencil.closest(".message-buttons-right"))) });
    },
    true,
  );

  let questions = false; // whether what was clicked copies questions: a question's button, or that for all
  document.addEventListener(
    "click",
    ({ target }) => {
      questions = target instanceof Element && Boolean(target.closest("#chatbot")) && !target.closest(".message-buttons-left");
    },
    true,
  );
  changeCopies((text) => (questions ? typed(text) : text));

  watch("value", () => {
    const { turn, question } = props.value ?? {};
    if (question === undefined) return;
    const field = h("textarea", {
      rows: 4,
      value: question,
      "aria-label": word("edit_question"),
      onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && again(),
    });
    const again = () => {
      shown.close();
      trigger("again", { turn, question: field.value });
    };
    const shown = sheet(
      word("edit_question"),
      field,
      h("p", { className: "hint" }, word("edit_question_hint")),
      h("div", { className: "row" }, button("ask_again", "check", again, { kind: "primary" })),
    );
    field.focus();
  });
}

/** A question as it was typed, see `literal` in plain_markdown.py. @param {string} text */
const typed = (text) =>
  text
    .replaceAll("<br>", "\n")
    .replace(/<\/?span>/g, "")
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
