/** The refusal of instructions that are not well encoded, of a program that the verifier does not see. */
import { HarenaError } from '../errors/errors.ts'

export class InvalidProgramError extends HarenaError {
  override name = 'InvalidProgramError'
  readonly instruction: number
  constructor(message: string, instruction: number) {
    super(message)
    this.instruction = instruction
  }
}
