import { describe, expect, test } from 'vitest'
import { COMMANDS, commandHelp, commandNamed, overview, parseCommand } from './options.ts'

const run = commandNamed('run')

describe('parsing', () => {
  test('options may stand anywhere, values follow or are joined', () => {
    const { values, operands } = parseCommand(run, ['--seed=7', 'a.s', '--set', 'x=1', '--set', 'y=2', '--json'])
    expect(operands).toEqual(['a.s'])
    expect(values).toMatchObject({ seed: '7', set: ['x=1', 'y=2'], json: true })
  })
  test('what follows -- is an operand', () => expect(parseCommand(run, ['--', '--odd']).operands).toEqual(['--odd']))
  test('help needs no operand', () => expect(parseCommand(run, ['-h']).values.help).toBe(true))

  test.each([
    [[], 'harena run needs FILE'],
    [['a', 'b'], "harena run takes FILE only; 'b' is one too many"],
    [['a', '--sed', '1'], 'unknown option --sed of harena run; did you mean --seed?'],
    [['a', '--wibble'], 'unknown option --wibble of harena run'],
    [['a', '--seed'], 'option --seed needs a value: --seed N'],
    [['a', '--json=1'], 'option --json takes no value'],
    [['a', '--seed', '1', '--seed=2'], 'option --seed is given twice'],
    [['a', '--json', '--json'], 'option --json is given twice'],
  ])('%j is refused', (argv, message) => expect(() => parseCommand(run, argv)).toThrow(message))

  test('an unknown command gets a hint', () => {
    expect(() => commandNamed('verfy')).toThrow("unknown command 'verfy'; did you mean verify?")
  })
})

describe('help', () => {
  test('names every option of every command', () => {
    for (const command of COMMANDS) {
      const help = commandHelp(command)
      for (const option of command.options) expect(help).toContain(`--${option.name}`)
    }
  })
  test('policies with their values, the default marked', () => {
    expect(commandHelp(run)).toMatch(/^ {2}placement=best-fit \(default\)\|first-fit {2}which free range/mu)
  })
  test('the overview names every command', () => {
    for (const command of COMMANDS) expect(overview()).toContain(command.summary)
  })
})
