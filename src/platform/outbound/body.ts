/** Reads an answer up to a limit, counted after decompression, so that a small bomb stays small. */
import { OutboundFailure } from './failure.ts';

/** The body as text; throws OutboundFailure (`too_large`) and drops the connection beyond `maxBytes`. */
export async function readBounded(response: Response, maxBytes: number): Promise<string> {
  if (!response.body) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let size = 0;
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel().catch(() => undefined);
      throw new OutboundFailure('too_large', `the answer is larger than ${maxBytes} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
