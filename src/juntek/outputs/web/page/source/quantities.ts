/** The quantities that the charts show, with their units and digits; rule: the keys are those of the gateway. */

export interface Quantity {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  /** Whether above zero is charging and below is discharging. */
  readonly signed: boolean;
  /** The least that its axis covers, so that noise does not look like an event. */
  readonly leastSpan: number;
  /** Ends of its axis where it has natural ones. */
  readonly fixed?: readonly [number, number];
  /** Its part of the height of all charts. */
  readonly height: number;
}

export const CHARTED: readonly Quantity[] = [
  { key: "state_of_charge", label: "State of charge", unit: "%", digits: 0, signed: false, leastSpan: 100, fixed: [0, 100], height: 1.1 },
  { key: "power", label: "Power", unit: "W", digits: 0, signed: true, leastSpan: 50, height: 1.35 },
  { key: "current", label: "Current", unit: "A", digits: 2, signed: true, leastSpan: 2, height: 1 },
  { key: "voltage", label: "Voltage", unit: "V", digits: 2, signed: false, leastSpan: 0.5, height: 1 },
  { key: "temperature", label: "Temperature", unit: "°C", digits: 0, signed: false, leastSpan: 6, height: 0.8 },
];

export const CHARTED_KEYS: readonly string[] = CHARTED.map((quantity) => quantity.key);
