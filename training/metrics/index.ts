export { cachedDigitJudge } from './cached-digit-judge.ts';
export { digitReference, scoreDigits } from './digits.ts';
export { mixtureSamples, scoreMixture } from './mixture.ts';
