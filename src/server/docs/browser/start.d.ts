/** The text of the script: what the bundler embeds when it is imported as a text. */
declare const text: string;
export default text;
