// @summary One user: /users/42
interface User {
  id: number;
  name: string;
}

const users: User[] = [
  { id: 1, name: 'Ada' },
  { id: 42, name: 'Grace' },
];

export const handler = async (_event: unknown, { id }: { id: string }) => {
  const user = users.find((candidate) => String(candidate.id) === id);
  return user ?? { status: 404, body: { error: 'no such user', id } };
};
