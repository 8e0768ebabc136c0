// Elements of the page, and texts.
const $ = (id) => document.getElementById(id);

function show(element, visible = true) {
  element.hidden = !visible;
}

// An element with attributes and children. Texts become text, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const counted = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

// Shows an error, and moves the attention of screen readers to it.
function alarm(words) {
  const close = make("button", { type: "button", class: "quiet", onclick: () => show($("alert"), false) }, "Close");
  $("alert").replaceChildren(close, words);
  show($("alert"));
  $("alert").scrollIntoView({ block: "nearest" });
}

function calm() {
  show($("alert"), false);
}

// Hands a file to the user.
function save(name, parts, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
