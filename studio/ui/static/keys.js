// Keys of the form: Ctrl+Enter anywhere in it writes.

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("#form")) {
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
    document.querySelector("#start").click();
  }
});
