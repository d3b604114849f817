/** Which encodings of an answer a client takes (RFC 9110, section 12.5.3). gzip is the only one the server offers. */

/** Whether `Accept-Encoding` takes gzip and does not prefer the answer as it is. */
export function acceptsGzip(header: string | null): boolean {
  if (header === null) return false;
  let gzip: number | null = null;
  let any: number | null = null;
  let identity = 0;
  for (const entry of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = entry.split(';').map((part) => part.trim());
    const weight = weightOf(parameters);
    if (coding === 'gzip' || coding === 'x-gzip') gzip = weight;
    else if (coding === '*') any = weight;
    else if (coding === 'identity') identity = weight;
  }
  const wanted = gzip ?? any ?? 0;
  return wanted > 0 && wanted >= identity;
}

/** The q-value; one that is none counts as a refusal, for the plain answer is right for everybody. */
function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  if (given === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given) : 0;
}

/** A `Vary` that also names the header `Accept-Encoding`. */
export const varyByEncoding = (vary: string | undefined): string =>
  vary ? `${vary}, accept-encoding` : 'accept-encoding';
