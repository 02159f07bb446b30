const names: Record<string, string> = { '1': 'Ada', '2': 'Grace' };

export const handler = async (_event: unknown, { id }: { id: string }) => {
  const name = names[id];
  return name === undefined ? { status: 404, body: { error: 'no such user', id } } : { id, name };
};
