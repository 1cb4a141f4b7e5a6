// What Gradio itself says and has no place to say otherwise: why a file was not uploaded, and the names of buttons that
// it leaves in English. Where it is put differently, so that nothing matches, its own words stay.

import { MAX_MIB, spoken, word } from "./dom.js";

/** @type {[RegExp, string][]} */
const ERRORS = [
  [/^Invalid file types?: (?<name>.*)\. Only .* allowed\.$/s, "upload_type"],
  [/^HTTP 413\b/, "upload_large"],
  [/^HTTP 5\d\d\b/, "upload_unkept"],
  [/^Connection errored out\b|Failed to fetch|NetworkError/, "upload_failed"],
];
/** @type {Record<string, string>} */
const LABELS = !spoken
  ? { "common.upload": "Upload" }
  : {
      "Copy message": "复制消息",
      "Copy conversation": "复制对话",
      "Copied message": "已复制",
      "Copied conversation": "已复制",
      Fullscreen: "全屏",
      "Exit fullscreen mode": "退出全屏",
      "Upload a file": "添加图片",
      Stop: "停止",
      Submit: "提交",
      "Click to upload or drop files": "点击上传，或拖入文件",
      "Scroll down": "滚到底部",
      Liked: "已赞",
      Disliked: "已踩",
      "Multimedia input field": "问题和图片",
      "chatbot conversation": "对话",
      "user's message: a component of type image": "我发的图片",
      "More tabs": "更多",
      "Remove file": "移除文件",
      "Remove this file": "移除这个文件",
      "common.upload": "上传",
      Close: "关闭",
    };

/**
 * Gradio's error in the reader's language, or as it is.
 *
 * @param {string} text
 */
export function translated(text) {
  for (const [pattern, key] of ERRORS) {
    const found = pattern.exec(text.trim());
    if (found) return word(key, { name: found.groups?.name ?? "", size: MAX_MIB });
  }
  return text;
}

/** @type {Record<string, string>} */
const STARTS = !spoken ? {} : { "user's message: ": "我：", "bot's message: ": "回答：" };

/**
 * A name of Gradio's as we say it; undefined where it stays.
 *
 * @param {string} label
 */
function named(label) {
  const start = Object.keys(STARTS).find((one) => label.startsWith(one));
  return LABELS[label] ?? (start && STARTS[start] + label.slice(start.length));
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | undefined} value
 */
function set(node, name, value) {
  if (value !== undefined && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** @param {Element} node */
function read(node) {
  for (const one of [node, ...node.querySelectorAll("[aria-label], [title], .toast-title, .toast-message-text")]) {
    if (one.matches(".toast-message-text")) {
      const said = translated(one.textContent);
      if (said !== one.textContent) one.textContent = said;
    } else if (one.matches(".toast-title.error") && one.firstChild?.nodeValue?.trim() === "Error")
      one.firstChild.nodeValue = `${word("problem")} `;
    for (const name of ["aria-label", "title"]) set(one, name, named(one.getAttribute(name) ?? ""));
  }
}

new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes)
    for (const node of type === "attributes" ? [target] : addedNodes) if (node instanceof Element) read(node);
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ["aria-label", "title"] });
read(document.body);
