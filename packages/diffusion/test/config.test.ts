import {
  parseSchedulerConfig,
  type ScheduleOptions,
  schedulerFromConfig,
  TubeletError,
} from '@tubelet/diffusion';
import { describe, expect, it } from 'vitest';

const scheduleOf = (config: Record<string, unknown>, options: ScheduleOptions = { steps: 4 }) =>
  schedulerFromConfig(config).schedule(options);

describe('schedulerFromConfig', () => {
  it('reads a published config, with what it still carries from another scheduler', () => {
    const { timesteps } = scheduleOf({
      _class_name: 'EulerDiscreteScheduler',
      _diffusers_version: '0.19.0.dev0',
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      clip_sample: false,
      interpolation_type: 'linear',
      num_train_timesteps: 1000,
      prediction_type: 'epsilon',
      sample_max_value: 1.0,
      set_alpha_to_one: false,
      skip_prk_steps: true,
      steps_offset: 1,
      timestep_spacing: 'leading',
      trained_betas: null,
      use_karras_sigmas: false,
    });
    expect(timesteps).toEqual([751, 501, 251, 1]);
  });

  it('names every unknown option', () => {
    expect(() =>
      schedulerFromConfig({
        _class_name: 'DDIMScheduler',
        solver_ordr: 2,
        eta: 1,
        clip_sample: true,
      }),
    ).toThrow(/^\[DDIMScheduler\] options must be = .*, got solver_ordr, eta$/);
  });

  it.each([
    [{ _class_name: 'TCDScheduler' }, /_class_name must be = .*LCMScheduler.*, got TCDScheduler/],
    [{ _class_name: 'PNDMScheduler' }, /skip_prk_steps must be = true/],
    [{}, /_class_name must be/],
    [
      { _class_name: 'DDPMScheduler', beta_schedule: 'cosine' },
      /\[DDPMScheduler\] beta_schedule must be = linear, .*, got cosine/,
    ],
    [{ _class_name: 'DDPMScheduler', variance_type: 'learned' }, /variance_type must be/],
    [{ _class_name: 'DDPMScheduler', variance_type: 'fixed_large_log' }, /variance_type must be/],
    [{ _class_name: 'DDPMScheduler', num_train_timesteps: 1.5 }, /num_train_timesteps must be/],
    [{ _class_name: 'DDPMScheduler', num_train_timesteps: 1e12 }, /num_train_timesteps must be/],
    [{ _class_name: 'DDPMScheduler', beta_end: Number.NaN }, /beta_end must be = .*, got NaN/],
    [{ _class_name: 'DDPMScheduler', trained_betas: [0.1] }, /trained_betas must be = .*1000/],
    [{ _class_name: 'DDPMScheduler', clip_sample: 'yes' }, /clip_sample must be = true or false/],
    [{ _class_name: 'EulerDiscreteScheduler', clip_sample: true }, /got clip_sample/],
    [{ _class_name: 'DDIMInverseScheduler', timestep_spacing: 'linspace' }, /timestep_spacing/],
    [{ _class_name: 'EulerAncestralDiscreteScheduler', prediction_type: 'sample' }, /prediction/],
    [{ _class_name: 'EDMEulerScheduler', prediction_type: 'sample' }, /prediction_type must be/],
    [{ _class_name: 'UniPCMultistepScheduler', solver_p: {} }, /solver_p must be = null/],
    [
      { _class_name: 'UniPCMultistepScheduler', solver_type: 'bh1' },
      /sigma_min with solver_type bh1/,
    ],
    [{ _class_name: 'UniPCMultistepScheduler', shift_terminal: 0.1 }, /use_flow_sigmas must be/],
    [
      { _class_name: 'UniPCMultistepScheduler', use_karras_sigmas: true, use_beta_sigmas: true },
      /at most one true, got use_karras_sigmas and use_beta_sigmas/,
    ],
    [
      {
        _class_name: 'UniPCMultistepScheduler',
        predict_x0: false,
        prediction_type: 'flow_prediction',
      },
      /prediction_type must be/,
    ],
    [
      { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver' },
      /final_sigmas_type/,
    ],
    [
      { _class_name: 'DPMSolverMultistepScheduler', solver_order: 4 },
      /solver_order must be = 1 to 3/,
    ],
    [
      {
        _class_name: 'DPMSolverMultistepScheduler',
        variance_type: 'learned_range',
        prediction_type: 'sample',
      },
      /prediction_type must be = epsilon with variance_type/,
    ],
  ])('refuses %o', (config, message) => {
    expect(() => schedulerFromConfig(config)).toThrow(message);
    expect(() => schedulerFromConfig(config)).toThrow(TubeletError);
  });
});

describe('schedules that the originals let become NaN', () => {
  it.each([
    [{ _class_name: 'DDPMScheduler', rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }],
    [{ _class_name: 'DDIMScheduler', rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }],
    [{ _class_name: 'LCMScheduler', rescale_betas_zero_snr: true }],
    [{ _class_name: 'DDIMInverseScheduler', prediction_type: 'sample' }],
    [
      {
        _class_name: 'DPMSolverMultistepScheduler',
        use_flow_sigmas: true,
        use_karras_sigmas: true,
      },
    ],
    [{ _class_name: 'UniPCMultistepScheduler', lower_order_final: false }],
  ])('are refused: %o', (config) => {
    expect(() => scheduleOf(config)).toThrow(/must be = finite .*divide by zero/);
  });

  it('are refused: DDIM with more noise than there is room for', () => {
    const config = { _class_name: 'DDIMScheduler' };
    expect(() => scheduleOf(config, { steps: 4, eta: 3 })).toThrow(/must be = finite/);
  });

  it('are refused: shift_terminal in one step', () => {
    const config = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift_terminal: 0.1 };
    expect(() => scheduleOf(config, { steps: 1 })).toThrow(/shift_terminal must be/);
  });

  it.each([['DPMSolverMultistepScheduler'], ['EDMDPMSolverMultistepScheduler']])(
    'are refused: %s of third order with noise, where the original has no formula',
    (_class_name) => {
      const algorithm_type =
        _class_name === 'DPMSolverMultistepScheduler' ? 'sde-dpmsolver' : 'sde-dpmsolver++';
      const config = {
        _class_name,
        algorithm_type,
        final_sigmas_type: 'sigma_min',
        solver_order: 3,
      };
      expect(scheduleOf(config, { steps: 2 }).steps).toHaveLength(2);
      expect(() => scheduleOf(config, { steps: 6 })).toThrow(/no third order/);
    },
  );
});

describe('schedule options', () => {
  it.each([
    ['DDPMScheduler', { steps: 4, mu: 1 }, /got mu/],
    ['DDPMScheduler', {}, /one of steps, timesteps, got none/],
    ['DDPMScheduler', { steps: 0 }, /steps must be/],
    ['DDPMScheduler', { steps: 1001 }, /steps must be = a whole number from 1 to 1000, got 1001/],
    ['DDPMScheduler', { steps: 4, timesteps: [3, 2, 1, 0] }, /got steps and timesteps/],
    ['DDPMScheduler', { timesteps: [3, 3, 1] }, /timesteps must be = falling/],
    ['DDPMScheduler', { timesteps: [1000, 1] }, /timesteps must be/],
    ['DDPMScheduler', { steps: 4, begin: 4 }, /begin must be = a whole number from 0 to 3, got 4/],
    ['DDIMScheduler', { steps: 4, eta: -1 }, /eta must be/],
    ['EulerDiscreteScheduler', { sigmas: [] }, /one number or more/],
    ['EulerDiscreteScheduler', { steps: 4, churn: { amount: Number.NaN } }, /churn.amount must be/],
    ['EDMEulerScheduler', { sigmas: [1, 0] }, /got sigmas/],
    ['LCMScheduler', { steps: 51 }, /steps must be = a whole number from 1 to 50/],
    ['LCMScheduler', { steps: 4, strength: 0 }, /strength must be/],
    [
      'UniPCMultistepScheduler',
      { sigmas: [1, 0.5] },
      /sigmas must be = given only with flow sigmas/,
    ],
    ['FlowMatchEulerDiscreteScheduler', { steps: 2, sigmas: [1] }, /steps must be/],
    ['FlowMatchEulerDiscreteScheduler', { steps: 2, tokenTimesteps: [[1]] }, /2 lists/],
    ['FlowMatchEulerDiscreteScheduler', { steps: 1, tokenTimesteps: [[1001]] }, /0 to 1000/],
  ])('of %s refuse %o', (_class_name, options, message) => {
    expect(() => scheduleOf({ _class_name }, options)).toThrow(message);
  });

  it('ask for mu where the shift is dynamic', () => {
    const config = { _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true };
    expect(() => scheduleOf(config)).toThrow(/mu must be = a number/);
  });
});

describe('parseSchedulerConfig', () => {
  it('reads the numbers that Python writes and JSON has not', () => {
    const text = '{"lambda_min_clipped": -Infinity, "a": [Infinity, NaN], "b": "-Infinity \\"NaN"}';
    expect(parseSchedulerConfig(text)).toEqual({
      lambda_min_clipped: Number.NEGATIVE_INFINITY,
      a: [Number.POSITIVE_INFINITY, Number.NaN],
      b: '-Infinity "NaN',
    });
  });

  it.each(['', '{', '[]', 'null', '{"a": Infinitely}'])('refuses %j', (text) => {
    expect(() => parseSchedulerConfig(text)).toThrow(TubeletError);
  });
});
