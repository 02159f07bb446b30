/** The `data` of each event of a text/event-stream, until it ends. Comments (heartbeats) are passed over. */
export async function* readEvents(response: Response): AsyncGenerator<string> {
  let buffered = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    buffered += chunk;
    let end = buffered.indexOf('\n\n');
    while (end >= 0) {
      const data = dataOf(buffered.slice(0, end));
      buffered = buffered.slice(end + 2);
      if (data !== null) yield data;
      end = buffered.indexOf('\n\n');
    }
  }
}

function dataOf(event: string): string | null {
  const lines = event.split('\n').filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? null : lines.map((line) => line.slice(5).replace(/^ /, '')).join('\n');
}
