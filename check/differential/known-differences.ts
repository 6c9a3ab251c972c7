/**
 * Where harena's verdict is not Linux's, and is not to be: the list that tests excuse and docs/parity.md explains, each
 * under its name. None of them lets harena accept what the kernel refuses.
 */
export interface KnownDifference {
  /** As docs/parity.md has it. */
  readonly name: string
  /** Verdicts, as verdictOf gives them. */
  readonly harena: RegExp
  readonly linux: RegExp
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
    linux: / is harena's own; Linux has no such (?:kfunc|thing|choice)(?:: EOPNOTSUPP)?$/u,
  },
  {
    name: 'Atomics on the arena and elsewhere',
    harena: /^EINVAL same insn cannot be used with different pointers$/u,
    linux: /^accepted$/u,
  },
]

/** The one that explains a pair of verdicts on a program; undefined where none does. */
export function explain(verdicts: { readonly harena: string; readonly linux: string }): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(({ harena, linux }) => harena.test(verdicts.harena) && linux.test(verdicts.linux))
}
