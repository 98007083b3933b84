// The API on /docs: Swagger UI shows what this server says of itself, and asks no other.
// Swagger UI is dark when the root has this class; ours follows what the reader prefers.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const place = document.getElementById("api");

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  validatorUrl: null, // else it would send the address of the document to a validator elsewhere
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // It takes itself for the whole page; whoever goes from landmark to landmark would find two main parts.
  onComplete: () => place.querySelector("main")?.setAttribute("role", "group"),
});
