// Swagger UI's own resolver reads the whole document anew for each operation that somebody opens: with 2,000 routes it
// holds the page for ten seconds each time. References of ours lead to components of the same document and never to themselves.
const resolveHere = () => ({
  fn: {
    resolveSubtree: async (document, path) => ({ spec: inline(document, valueAt(document, path)), errors: [] }),
  },
});

function inline(document, node) {
  if (node === null || typeof node !== 'object') return node;
  if (Array.isArray(node)) return node.map((item) => inline(document, item));
  if (isReference(node)) return inline(document, valueAt(document, node.$ref.slice(2).split('/')));
  return Object.fromEntries(Object.entries(node).map(([key, member]) => [key, inline(document, member)]));
}

function isReference({ $ref }) {
  return typeof $ref === 'string' && $ref.startsWith('#/components/');
}

function valueAt(node, path) {
  return path.reduce((value, key) => value?.[key], node);
}

// The document lies beside /_fn/docs, also below a proxy's prefix and where the page was opened as /_fn/docs/.
const url = document.currentScript.src.replace(/\/_fn\/docs\/.*$/, '/_fn/openapi.json');

window.SwaggerUIBundle({
  url,
  domNode: document.getElementById('docs'),
  deepLinking: true,
  filter: true,
  layout: 'BaseLayout', // the standalone layout's bar asks for other documents
  plugins: [resolveHere],
  validatorUrl: null, // the badge would send this document's address to a foreign host
});
