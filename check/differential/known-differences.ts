/**
 * Where harena's verdict is not Linux's, and is not to be: the list that tests excuse and docs/parity.md explains, each
 * under its name.
 */
export interface KnownDifference {
  /** As docs/parity.md has it. */
  readonly name: string
  /** Verdicts, as verdictOf gives them. */
  readonly harena: RegExp
  readonly linux: RegExp
  /** What has to be in the program's text, where verdicts alone do not show it. */
  readonly text?: RegExp
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'Fields of maps',
    harena: /^EOPNOTSUPP harena does not implement loads from struct bpf_\w+$/u,
    linux: /./u,
  },
  {
    name: 'What harena does not implement',
    harena: /^EOPNOTSUPP harena does not implement (?!loads from)/u,
    linux: /./u,
  },
  {
    name: 'What Linux does not have',
    harena: /./u,
    linux: /^EOPNOTSUPP .* is harena's own; Linux has no such (?:kfunc|thing)$/u,
  },
  {
    name: 'Atomics on the arena and elsewhere',
    harena: /^EINVAL same insn cannot be used with different pointers$/u,
    linux: /^accepted$/u,
  },
  {
    name: 'A scalar plus the frame pointer, in a function',
    harena: /^accepted$/u,
    linux: /^EACCES invalid size of register fill$/u,
    text: /^\.func [\s\S]*^ +r\d \+= r10$/mu,
  },
]

/** The one that explains a pair of verdicts on a program; undefined where none does. */
export function explain(
  verdicts: { readonly harena: string; readonly linux: string },
  program = '',
): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(({ harena, linux, text = /(?:)/u }) => {
    return harena.test(verdicts.harena) && linux.test(verdicts.linux) && text.test(program)
  })
}
