import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** Serves the OpenAPI document at `/docs/openapi.json` and its page at `/docs`. */
export function mountApiDocs(app: NestExpressApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Tokenhub')
    .setDescription('A queue-based broker for language-model work.')
    .setVersion('1')
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth()
    .build();
  const document = SwaggerModule.createDocument(app, description);
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'docs/openapi.json' });
}
