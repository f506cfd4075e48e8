import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { DELIVERY_STATES } from '#contracts/webhook.js';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { listView } from '../http/list-view.js';
import { validateDto } from '../jobs/validate-dto.js';
import { DeliveryDesk } from './delivery-desk.js';
import { deliveryView } from './delivery-view.js';
import { parseDeliveries } from './parse-deliveries.js';
import { RedeliveryDto } from './redelivery.dto.js';

/** Deliveries to a webhook endpoint, or, under the id `job`, to the URLs that jobs name themselves. */
@ApiTags('webhooks')
@ApiBearerAuth()
@Controller('v1/webhook-endpoints/:id')
@UseGuards(KeyGuard)
@RequireScope('jobs')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveryDesk) {}

  @Get('deliveries')
  @ApiOperation({
    summary:
      'Deliveries with their tries, the newest event first. A page may be short, even empty, with has_more: go on after last_id',
  })
  @ApiQuery({ name: 'state', enum: DELIVERY_STATES, required: false })
  @ApiQuery({ name: 'created_after', type: String, required: false })
  @ApiQuery({ name: 'created_before', type: String, required: false })
  @ApiQuery({ name: 'after', type: String, required: false })
  @ApiQuery({ name: 'limit', type: Number, required: false })
  async list(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
  ): Promise<object> {
    const page = await this.deliveries.list(principal.project, id, parseDeliveries(query));
    const ids = page.deliveries.map(({ id }) => id);
    return listView(page.deliveries.map(deliveryView), { ids, lastId: page.lastId, hasMore: page.hasMore });
  }

  @Get('deliveries/:deliveryId')
  @ApiOperation({ summary: 'One delivery with its tries' })
  async read(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Param('deliveryId') deliveryId: string,
  ): Promise<object> {
    return deliveryView(await this.deliveries.read(principal.project, id, deliveryId));
  }

  @Post('deliveries/:deliveryId/redeliver')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Send an ended delivery again, under the same webhook-id; 409 while its tries are not over',
  })
  async redeliver(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Param('deliveryId') deliveryId: string,
  ): Promise<object> {
    return deliveryView(await this.deliveries.redeliver(principal.project, id, deliveryId));
  }

  @Post('redeliver')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Send the deliveries of a time range again, the dead ones when absent; go on after last_id',
  })
  @ApiBody({ type: RedeliveryDto })
  async redeliverAll(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<object> {
    const done = await this.deliveries.redeliverAll(principal.project, id, validateDto(RedeliveryDto, body));
    const { redelivered, lastId, hasMore } = done;
    return { object: 'redelivery', redelivered, last_id: lastId, has_more: hasMore };
  }
}
