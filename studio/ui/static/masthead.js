// The line at the top: which model answers, language, light or dark.

import "./clipboard.js";
import "./gradio.js";
import { button, find, h, word } from "./dom.js";
import "./keys.js";

/** @import { Banner, Given } from "./types" */

/** @param {Given<{ value: Banner }>} given */
export function mount({ element, props }) {
  const place = find(".told", element);
  let shown = props.value;
  const draw = () => {
    const { banner, kind } = shown;
    const attributes = { className: `banner ${kind}`, title: word(banner) };
    const leads = banner === "starter_banner"; // to the models in About
    place.replaceChildren(
      banner ? h(leads ? "a" : "span", leads ? { ...attributes, href: "#/about" } : attributes, word(banner)) : "",
      h(
        "span",
        { className: "switches" },
        button("language", "languages", window.studioLanguage),
        button("theme", document.body.classList.contains("dark") ? "sun" : "moon", window.studioTheme, { plain: true }),
      ),
    );
  };
  window.addEventListener("studio-banner", (event) => {
    shown = /** @type {CustomEvent<Banner>} */ (event).detail;
    draw();
  });
  draw();
}
