// On every page: htmx, the form token on its requests, and small enhancements. Pages work without it.
import htmx from "htmx.org";

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.body.dataset.csrf;
  if (token) event.detail.headers["X-CSRF-Token"] = token;
});

// An error answers as problem+json: say it where a screen reader hears it, and never swap it into the page.
const say = (text) => {
  const place = document.getElementById("announcements");
  if (!place) return;
  const note = document.createElement("p");
  note.className = "toast";
  note.textContent = text;
  place.replaceChildren(note);
  setTimeout(() => note.remove(), 8000);
};

document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  let text = `${status}`;
  try {
    const problem = JSON.parse(responseText);
    text = [problem.detail || problem.title, problem.remedy].filter(Boolean).join(" – ");
  } catch {
    // not a problem document: the number has to do
  }
  say(text);
});

document.addEventListener("htmx:sendError", () => say(document.body.dataset.offline || "offline"));

// [data-submit-on-change]: a select or a check box that sends its form.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form?.requestSubmit();
});

// [data-confirm]: ask before a form is sent.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// "/" goes to the search field, as people know it from elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const field = document.querySelector("input[type=search]");
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// A table that scrolls sideways must be reachable by keyboard, one that does not must not be a stop on the way.
const reach = () => {
  for (const box of document.querySelectorAll(".table-box")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
window.addEventListener("resize", reach);
document.addEventListener("htmx:afterSettle", reach);
reach();

export default htmx;
