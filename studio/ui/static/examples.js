// Cards of examples in an empty Write, Chat and Table: pictures and what is asked for, to be clicked.

import { h, spoken } from "./dom.js";

/** @import { Example } from "./types" */

/**
 * `run` is called with the place of the card that was clicked.
 *
 * @param {Example[]} examples
 * @param {(place: number) => void} run
 */
export function cards(examples, run) {
  return h(
    "div",
    { className: "examples" },
    examples.map(({ en, zh, pictures }, place) =>
      h(
        "button",
        { type: "button", className: "example", onclick: () => run(place) },
        h(
          "span",
          { className: "strip" },
          pictures.map((small) => h("img", { src: small, alt: "", loading: "lazy" })),
        ),
        h("span", { className: "asked" }, spoken ? zh : en),
      ),
    ),
  );
}
