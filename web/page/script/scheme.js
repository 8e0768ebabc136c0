// The scheme and its options. The text of a scheme is what the command takes: `shuffle-flip block=8x8 scramble`.
const FLAGS = ["scramble", "sign-flip"];
const LISTS = {
  key: (what) => [...what.matchAll(/(shared|block|image) \(([^)]*)\)/g)].map(([, value, words]) => [value, words]),
  statistic: () => ["median", "mean", "max", "min"].map((value) => [value, value]),
  orders: () => [["permutations", "permutations"], ["as-published", "as published (cannot be undone)"]],
};
const LABELS = {
  block: "Block in pixels", key: "Keys", scramble: "Blocks change places too",
  "sign-flip": "Signs are flipped too",
  statistic: "What fills a block", orders: "Orders of the channels", epsilon: "Privacy bound",
  radius: "Radius in pixels",
};

function fillSchemes(usual) {
  $("scheme").replaceChildren(...state.presets.map(({ name, source }) => {
    const from = source === "-" ? "" : ` — ${source}`;
    return make("option", { value: name }, `${name}${from}`);
  }));
  $("scheme").value = usual;
  $("scheme").disabled = false;
  fillChoices();
}

// The fields of the options that the scheme has.
function fillChoices() {
  const preset = state.presets.find(({ name }) => name === $("scheme").value);
  $("scheme-summary").textContent = `${preset.summary[0].toUpperCase()}${preset.summary.slice(1)}.`;
  const field = ({ option, what, default: usual }) => {
    const id = `choice-${option}`;
    if (FLAGS.includes(option)) {
      const box = make("input", { id, type: "checkbox", "data-option": option });
      return make("div", { class: "row check" }, box, make("label", { for: id }, LABELS[option]));
    }
    const label = make("label", { for: id, title: what }, LABELS[option] ?? option);
    if (LISTS[option]) {
      const list = make("select", { id, "data-option": option, "data-usual": usual });
      list.append(...LISTS[option](what).map(([value, words]) => make("option", { value }, words)));
      list.value = usual;
      return make("div", { class: "row" }, label, list);
    }
    const input = make("input", { id, type: "text", value: usual, autocomplete: "off", spellcheck: "false" });
    input.dataset.option = option;
    input.dataset.usual = usual;
    return make("div", { class: "row" }, label, input);
  };
  $("choices").replaceChildren(...preset.choices.map(field));
  tellScheme();
}

// The text of the scheme, without options that are as usual.
function schemeText() {
  const words = [$("scheme").value];
  for (const field of $("choices").querySelectorAll("[data-option]")) {
    const { option, usual } = field.dataset;
    if (field.type === "checkbox") {
      if (field.checked) words.push(option);
    } else if (field.value.trim() !== usual && field.value.trim() !== "") {
      words.push(`${option}=${field.value.trim()}`);
    }
  }
  return words.join(" ");
}

async function tellScheme() {
  const text = schemeText();
  try {
    const told = await engine.ask("scheme", { text });
    if (text !== schemeText()) return;
    calm();
    const lines = told.risks.length ? told.risks : ["Not measured with these options."];
    $("risks").replaceChildren(...lines.map((line) => make("li", {}, line)));
    const broken = told.broken_by ? `Broken by ${told.broken_by}.` : "";
    $("broken-by").textContent = told.inverse ? broken : `${broken} It cannot be undone: keep the plain images.`;
    preview.soon();
  } catch (error) {
    failed(error);
  }
}

$("scheme").addEventListener("change", fillChoices);
$("choices").addEventListener("change", tellScheme);
for (const id of ["fit", "size", "window", "axis", "depth", "channels", "orientation"]) {
  $(id).addEventListener("change", () => preview.soon());
}
