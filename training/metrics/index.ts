export { cachedDigitJudge } from './cached-digit-judge.ts';
export { digitShape } from './digit-network.ts';
export { digitReference, scoreDigits } from './digits.ts';
export { FeatureNetwork } from './feature-network.ts';
export { featureStatistics, frechetDistance } from './frechet.ts';
export { kernelDistance } from './kernel-distance.ts';
export { mixtureSamples, scoreMixture } from './mixture.ts';
