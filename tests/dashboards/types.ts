// What of Grafana's own types a dashboard is made of; schema.py makes a JSON Schema of each.
import type { Dashboard } from "@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen";
import type * as barchart from "@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen";
import type * as gauge from "@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as statetimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

export interface Everything {
  dashboard: Dashboard;
  options: {
    barchart: barchart.Options;
    gauge: gauge.Options;
    stat: stat.Options;
    "state-timeline": statetimeline.Options;
    table: table.Options;
    timeseries: timeseries.Options;
  };
  custom: {
    barchart: barchart.FieldConfig;
    "state-timeline": statetimeline.FieldConfig;
    table: table.FieldConfig;
    timeseries: timeseries.FieldConfig;
  };
}
