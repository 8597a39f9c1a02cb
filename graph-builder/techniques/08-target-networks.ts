import type { StateSpec } from '../initializer.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { NetworkStates, Technique } from './technique.ts';

export interface TargetNetworkOptions {
  /** Share of the live weights that a target takes over in a step, (0, 1]; 0 is off. */
  readonly tau: number;
  /** Which networks learn against the other's target: D against G's, G against D's. */
  readonly of: 'generator' | 'discriminator' | 'both';
}

export const targetNetworksOff: TargetNetworkOptions = { tau: 0, of: 'both' };

const targetName = (name: string) => `target/${name}`;

/**
 * 8. Target networks (DDPG, Lillicrap et al. 2016): the opponent that a network learns against is a slow copy of the
 * other one, theta' <- tau theta + (1 - tau) theta', running statistics included. It damps the circling of the two.
 */
export const targetNetworks: Technique = {
  number: 8,
  name: 'target-networks',
  off: { 'techniques.targetNetworks.tau': 0 },
  hooks: ({ techniques: { targetNetworks: options } }) => {
    const { tau, of } = options;
    if (tau === 0) return undefined;
    const has = (network: 'generator' | 'discriminator') => of === 'both' || of === network;
    const players = (['generator', 'discriminator'] as const).filter(has);
    const tensorsOf = (networks: NetworkStates): StateSpec[] =>
      players.flatMap((player) => [...networks[player]!.parameters, ...networks[player]!.statistics]);
    return {
      controls: [
        { name: 'targetNetworks/tau', at: () => tau },
        { name: 'targetNetworks/kept', at: () => 1 - tau },
      ],
      state: (networks) =>
        tensorsOf(networks).map((spec) => ({
          ...spec,
          name: targetName(spec.name),
          copyOf: spec.copyOf ?? spec.name,
        })),
      weights: (network, _live, { state }) => (has(network) ? (name) => state(targetName(name)) : undefined),
      after: ({ networks, state, setState, control }) => {
        const share = control('targetNetworks/tau');
        const kept = control('targetNetworks/kept');
        for (const { name } of tensorsOf(networks))
          setState(targetName(name), add(mul(state(targetName(name)), kept), mul(state(name), share)));
      },
    };
  },
};
