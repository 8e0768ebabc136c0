// The device: the GPU where the browser gives one, else the CPU.
async function useDevice(choice, why = "") {
  $("device").value = choice;
  try {
    const { gpu } = await engine.ask("open", { choice });
    state.device = gpu ? "gpu" : "cpu";
    $("device-state").textContent = gpu
      ? `${state.adapter.name}${state.adapter.software ? " (software)" : ""}, by WebGPU`
      : `WebAssembly on one core${why}`;
  } catch (error) {
    if (choice !== "gpu") throw error;
    await useDevice("cpu", `: the GPU failed (${error.words})`);
  }
  $("device").value = state.device;
  document.body.dataset.device = state.device;
}

async function firstDevice({ adapter }) {
  state.adapter = adapter;
  const none = !adapter;
  $("device").querySelector("[value=gpu]").disabled = none;
  // Software that plays a GPU is slower than the CPU itself.
  const reason = none ? ": this browser gives no GPU (WebGPU)" : ": the GPU is software";
  await useDevice(none || adapter.software ? "cpu" : "gpu", reason);
}

$("device").addEventListener("change", async () => {
  try {
    await useDevice($("device").value);
    preview.soon();
  } catch (error) {
    failed(error);
  }
});
