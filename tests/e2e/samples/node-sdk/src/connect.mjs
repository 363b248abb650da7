export const handler = async (event) => {
  console.log(JSON.stringify(event));
  return { statusCode: event.queryStringParameters?.name ? 200 : 400 };
};
