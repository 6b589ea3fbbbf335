/** How the story looks on a terminal, and in a file. */
export interface Voice {
  title(text: string): void;
  say(text: string): void;
  /** A row of a table: name, text, and for the one that stands out a remark. */
  row(name: string, text: string, remark?: string): void;
  good(text: string): void;
  bad(text: string): void;
  /** A command or a line of a file, to be copied. */
  code(text: string): void;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export function makeVoice(out: NodeJS.WriteStream): Voice {
  const colours = out.isTTY === true && !process.env["NO_COLOR"];
  const paint = (colour: keyof typeof CODES, text: string) =>
    colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  const line = (text: string) => void out.write(`${text}\n`);
  let part = 0;
  return {
    title: (text) => line(`\n${paint("bold", `${++part}. ${text}`)}`),
    say: (text) => line(`   ${text}`),
    row(name, text, remark) {
      const marked = remark === undefined ? text : `${paint("red", text)}  ${paint("red", `← ${remark}`)}`;
      line(`   ${name.padEnd(10)}${marked}`);
    },
    good: (text) => line(`   ${paint("green", "✓")} ${text}`),
    bad: (text) => line(`   ${paint("red", "✗")} ${text}`),
    code: (text) => line(`     ${paint("cyan", text)}`),
  };
}
