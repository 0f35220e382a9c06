"""What candidates made of several others share: how one answer is made of many, for each sort of answer."""
