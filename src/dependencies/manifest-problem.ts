/** A manifest that cannot be installed as written; the message is one line for the user. */
export class ManifestProblem extends Error {}
