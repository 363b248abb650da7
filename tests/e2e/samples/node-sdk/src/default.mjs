import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

export const handler = async (event) => {
  console.log(JSON.stringify(event));
  const { connectionId, domainName, stage } = event.requestContext;
  const client = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  const post = (ConnectionId, data) =>
    client.send(new PostToConnectionCommand({ ConnectionId, Data: JSON.stringify(data) }));

  await post(connectionId, { youSaid: event.body });
  const { Identity } = await client.send(new GetConnectionCommand({ ConnectionId: connectionId }));
  await post(connectionId, { youAre: Identity });
  try {
    await post("AAAAAAAAAAAAAAA=", "nobody");
  } catch (error) {
    await post(connectionId, { isGone: error instanceof GoneException, name: error.name });
  }
  if (event.body === "bye") {
    await client.send(new DeleteConnectionCommand({ ConnectionId: connectionId }));
  }
  return { statusCode: 200 };
};
