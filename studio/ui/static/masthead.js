// The line at the top: which model answers, language, light or dark.

import "./clipboard.js";
import "./gradio.js";
import { button, find, h, word } from "./dom.js";
import "./keys.js";

/** @import { Banner, Given } from "./types" */

/** @param {Given<{ value: Banner }>} given */
export function mount({ element, props }) {
  const place = find(".told", element);
  const draw = () => {
    const { banner, kind } = props.value;
    place.replaceChildren(
      banner ? h("span", { className: `banner ${kind}`, title: word(banner) }, word(banner).replaceAll("`", "")) : "",
      h(
        "span",
        { className: "switches" },
        button("language", "languages", window.studioLanguage),
        button("theme", document.body.classList.contains("dark") ? "sun" : "moon", window.studioTheme, { plain: true }),
      ),
    );
  };
  draw();
}
