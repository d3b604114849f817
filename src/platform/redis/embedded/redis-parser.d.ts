/** The part of redis-parser that the embedded server uses; the package brings no types. */
declare module 'redis-parser' {
  interface ParserOptions {
    readonly returnReply: (reply: unknown) => void;
    readonly returnError: (error: Error) => void;
    readonly returnFatalError?: (error: Error) => void;
    readonly returnBuffers?: boolean;
  }
  export default class Parser {
    constructor(options: ParserOptions);
    execute(chunk: Buffer): void;
    reset(): void;
  }
}
