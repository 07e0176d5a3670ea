// Shares never read as 0 % or 100 % unless they are.
const percent = (share) => {
  if (share === null || share === undefined) return "–";
  const rounded = Math.floor(share * 1000 + 0.5) / 10;
  if (rounded === 0 && share > 0) return "< 0.1 %";
  return rounded === 100 && share < 1 ? "> 99.9 %" : `${rounded.toFixed(1)} %`;
};
