exports.handler = async (event) => ({ message: `Bonjour, ${event.query.name ?? 'monde'}, from Node` });
