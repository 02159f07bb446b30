import { createHash } from 'node:crypto';
import type { Discovery } from '../functions/types.ts';
import { buildOpenApi } from './document.ts';
import type { InternalOperation } from './types.ts';

/** A document as it is sent. */
export interface PublishedOpenApi {
  readonly body: string;
  /** Quoted, as in the header. */
  readonly etag: string;
}

export interface PublicationOptions {
  readonly title: string;
  readonly version: string;
  /** Empty unless the admin API is to be listed (P240). */
  readonly internal?: readonly InternalOperation[] | undefined;
}

/** The text of a document around its server, which is all that differs from one client to the next. */
interface Text {
  readonly discovery: Discovery;
  readonly before: string;
  readonly after: string;
  readonly digest: string;
}

/** The OpenAPI document over the life of a stack: built when somebody asks for it after a change of the routes (P233). */
export class OpenApiPublication {
  readonly #options: PublicationOptions;
  #text: Text | undefined;

  constructor(options: PublicationOptions) {
    this.#options = options;
  }

  /** The document for a client that reaches the service at `serverUrl`. */
  publish(discovery: Discovery, serverUrl: string): PublishedOpenApi {
    if (this.#text?.discovery !== discovery) this.#text = this.#build(discovery);
    const { before, after, digest } = this.#text;
    const url = JSON.stringify(serverUrl);
    return { body: before + url + after, etag: `"${hash(digest + url)}"` };
  }

  /** Cuts the text at `servers`, whose place among the sorted keys is known. */
  #build(discovery: Discovery): Text {
    const entries = Object.entries(buildOpenApi({ ...this.#options, discovery, serverUrl: '/' }));
    const head = JSON.stringify(Object.fromEntries(entries.filter(([key]) => key < 'servers')));
    const tail = JSON.stringify(Object.fromEntries(entries.filter(([key]) => key > 'servers')));
    return {
      discovery,
      before: `${head.slice(0, -1)},"servers":[{"url":`,
      after: `}],${tail.slice(1)}`,
      digest: hash(head + tail),
    };
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
