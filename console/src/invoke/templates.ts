import { type Draft, EMPTY_DRAFT } from './draft.ts';

export interface Template {
  readonly label: string;
  /** Gives what it changes; method and route stay where it names none. */
  readonly fill: (draft: Draft) => Draft;
}

/** Starting points of a test (P222). */
export const TEMPLATES: readonly Template[] = [
  { label: 'Empty', fill: ({ method, route }) => ({ ...EMPTY_DRAFT, method, route }) },
  {
    label: 'Hello',
    fill: ({ method, route }) => ({ ...EMPTY_DRAFT, method, route, query: [{ name: 'name', value: 'World' }] }),
  },
  {
    label: 'Route + query',
    fill: ({ method, route, params }) => ({
      ...EMPTY_DRAFT,
      method,
      route,
      params: Object.fromEntries(Object.keys(params).map((name) => [name, '123'])),
      query: [
        { name: 'page', value: '1' },
        { name: 'limit', value: '10' },
      ],
    }),
  },
  {
    label: 'POST JSON',
    fill: ({ route, params }) => ({
      ...EMPTY_DRAFT,
      method: 'POST',
      route,
      params,
      headers: [{ name: 'Content-Type', value: 'application/json' }],
      body: JSON.stringify({ hello: 'world' }, null, 2),
    }),
  },
  {
    label: 'Context',
    fill: (draft) => ({ ...draft, context: JSON.stringify({ user_id: 'user-1', role: 'tester' }, null, 2) }),
  },
];
