/** The paths under which flow control can be looked into. */
import { dumpPriorityLevels, dumpQueues, dumpRequests, type Executing } from '../flowcontrol/dumps.ts';
import type { FlowControl } from '../flowcontrol/flow-control.ts';
import type { Handler } from './exchange.ts';
import { booleanParameter } from './request-info.ts';
import { sendText } from './respond.ts';

const root = '/debug/api_priority_and_fairness';

/** `executing` gives the requests that have their seats now. */
export function flowDumps(flow: FlowControl, executing: () => Executing[]): [path: string, handler: Handler][] {
  return [
    [`${root}/dump_priority_levels`, ({ response }) => sendText(response, 200, dumpPriorityLevels(flow))],
    [`${root}/dump_queues`, ({ response }) => sendText(response, 200, dumpQueues(flow))],
    [
      `${root}/dump_requests`,
      ({ response, info }) => {
        const details = booleanParameter(info.query, 'includeRequestDetails');
        sendText(response, 200, dumpRequests(flow, executing(), details));
      },
    ],
  ];
}
