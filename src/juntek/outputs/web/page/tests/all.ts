/** The page's arithmetic, run by Node; what is seen is tested in a real browser by tests/web. */

import "./calendar.ts";
import "./format.ts";
import "./points.ts";
import "./receivers.ts";
import "./span.ts";
import "./ticks.ts";
import "./tiles.ts";
